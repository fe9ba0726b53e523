//! Small modules that are dear to compile, made byte by byte: text would take longer to assemble than they take to refuse.

use au_host::registry::ScanLimits;

/// An unsigned LEB128 number.
fn number(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![id];
    number(u32::try_from(body.len()).unwrap(), &mut out);
    out.extend(body);
    out
}

/// A section of `count` items that are all the same.
fn items(id: u8, count: u32, item: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    number(count, &mut body);
    body.extend(item.repeat(count as usize));
    section(id, &body)
}

fn module(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

fn types() -> Vec<u8> {
    items(1, 1, &[0x60, 0, 0])
}

/// `count` functions with these locals, all `i32`, and this code.
fn functions(count: u32, locals: u32, code: &[u8]) -> Vec<u8> {
    let mut body = vec![1];
    number(locals, &mut body);
    body.push(0x7f);
    body.extend(code);
    body.push(0x0b);
    let mut sized = Vec::new();
    number(u32::try_from(body.len()).unwrap(), &mut sized);
    sized.extend(body);
    module(&[types(), items(3, count, &[0]), items(10, count, &sized)])
}

/// Nested loops, each of which needs a value for every local.
pub(crate) fn loops(loops: u32, locals: u32) -> Vec<u8> {
    let mut code = Vec::new();
    for n in 0..loops {
        // loop; local.get n; i32.const 1; i32.add; local.set n
        code.extend([0x03, 0x40, 0x20]);
        number(n % locals, &mut code);
        code.extend([0x41, 1, 0x6a, 0x21]);
        number(n % locals, &mut code);
    }
    for _ in 0..loops {
        // local.get 0; br_if 0; end
        code.extend([0x20, 0, 0x0d, 0, 0x0b]);
    }
    functions(1, locals, &code)
}

fn ifs(ifs: u32, locals: u32) -> Vec<u8> {
    // local.get 0; if; i32.const 1; local.set 1; end
    functions(1, locals, &[0x20, 0, 0x04, 0x40, 0x41, 1, 0x21, 1, 0x0b].repeat(ifs as usize))
}

fn tables_of_branches(depth: u32, targets: u32) -> Vec<u8> {
    let mut code = [0x02, 0x40].repeat(depth as usize);
    for _ in 0..depth {
        code.extend([0x20, 0, 0x0e]);
        number(targets, &mut code);
        code.extend(vec![0; targets as usize + 1]);
        code.push(0x0b);
    }
    functions(1, 1, &code)
}

/// A type that takes and gives so many values; type 1 where it comes after the usual one.
fn wide(values: u8) -> Vec<u8> {
    let many = [vec![values], vec![0x7f; values.into()]].concat();
    let gives = [&[0x60, 0][..], &many].concat();
    let both = [&[0x60][..], &many, &many].concat();
    section(1, &[&[3, 0x60, 0, 0][..], &both, &gives].concat())
}

/// One function with this code, among these types; its own takes and gives nothing.
fn function(types: Vec<u8>, code: &[u8]) -> Vec<u8> {
    let body = [&[0][..], code, &[0x0b]].concat();
    let mut sized = vec![1];
    number(u32::try_from(body.len()).unwrap(), &mut sized);
    sized.extend(body);
    module(&[types, items(3, 1, &[0]), section(10, &sized)])
}

/// Loops after loops, each of which takes and gives a hundred values.
fn handing_round(loops: usize) -> Vec<u8> {
    let (fill, drops) = ([0x41, 0].repeat(100), vec![0x1a; 100]);
    function(wide(100), &[fill, [0x03, 1, 0x0b].repeat(loops), drops].concat())
}

/// A table of branches that each take a hundred values along.
fn handing_on(targets: u32) -> Vec<u8> {
    let mut table = vec![0x0e];
    number(targets, &mut table);
    table.extend(vec![0; targets as usize + 1]);
    // block (of type 2); a hundred values; which of the targets; br_table; end; drop all
    let (fill, drops) = ([0x41, 0].repeat(101), vec![0x1a; 100]);
    function(wide(100), &[vec![0x02, 2], fill, table, vec![0x0b], drops].concat())
}

/// One segment of so many elements.
fn elements(count: u32) -> Vec<u8> {
    let mut body = vec![1, 1, 0];
    number(count, &mut body);
    body.extend(vec![0; count as usize]);
    module(&[types(), items(3, 1, &[0]), section(9, &body), items(10, 1, &[2, 0, 0x0b])])
}

fn component(sections: &[Vec<u8>]) -> Vec<u8> {
    [b"\0asm\x0d\0\x01\0".to_vec(), sections.concat()].concat()
}

/// The name of each limit. A new one is missed here by the compiler.
pub(crate) fn limits() -> Vec<&'static str> {
    macro_rules! names {
        ($($name:ident)*) => {{
            let ScanLimits { $($name: _),* } = ScanLimits::default();
            vec![$(stringify!($name)),*]
        }};
    }
    names! {
        bytes functions types imports exports globals body locals all_locals nesting blocks blocks_by_locals block_values
        branch_targets moved_values segments elements tables table_elements memories custom_sections custom_bytes modules
        components instances depth
    }
}

/// Every bomb of the catalogue, and the limit that must stop it.
pub(crate) fn all() -> Vec<(Vec<u8>, &'static str)> {
    let passive = [1, 0];
    let memory = [0, 1];
    let table = [0x70, 0, 1];
    let global = [0x7f, 0, 0x41, 0, 0x0b];
    let nop = [0x01];
    let inner = section(1, &module(&[]));
    vec![
        (loops(1_000, 1_000), "blocks_by_locals"),
        (loops(3_000, 3_000), "blocks_by_locals"),
        (ifs(20_000, 2_000), "blocks_by_locals"),
        (ifs(30_000, 2), "blocks"),
        (tables_of_branches(1_000, 300), "branch_targets"),
        (functions(100_000, 0, &[]), "functions"),
        (functions(1_000, 50_000, &[]), "locals"),
        (functions(1_000, 5_000, &[]), "all_locals"),
        (functions(1, 1, &nop.repeat(3 << 20)), "body"),
        (functions(1, 1, &[[0x02, 0x40].repeat(5_000), vec![0x0b; 5_000]].concat()), "nesting"),
        (module(&[items(1, 1_000_000, &[0x60, 0, 0])]), "types"),
        (module(&[items(11, 100_000, &passive)]), "segments"),
        (module(&[types(), items(3, 1, &[0]), items(7, 1_000_000, &[0, 0, 0])]), "exports"),
        (module(&[types(), items(2, 100_000, &[0, 0, 0, 0])]), "imports"),
        (module(&[items(6, 100_000, &global)]), "globals"),
        (module(&[items(5, 100, &memory)]), "memories"),
        (module(&[items(4, 100, &table)]), "tables"),
        (module(&[items(4, 1, &[0x70, 0, 0x80, 0xad, 0xe2, 0x04])]), "table_elements"),
        (module(&vec![section(0, &[1, b'x']); 1_000]), "custom_sections"),
        (module(&vec![section(0, &[vec![1, b'x'], vec![0; 25 << 20]].concat()); 2]), "custom_bytes"),
        (handing_round(200), "block_values"),
        (handing_on(2_000), "moved_values"),
        (elements(200_000), "elements"),
        (component(&[inner.repeat(1_000)]), "modules"),
        (component(&vec![section(4, &component(&[])); 1_000]), "components"),
        // Core instances of exports, of which there are none.
        (component(&[items(2, 100_000, &[1, 0])]), "instances"),
        (nested(100), "depth"),
    ]
}

/// Components in components.
fn nested(depth: u32) -> Vec<u8> {
    (0..depth).fold(component(&[]), |inner, _| component(&[section(4, &inner)]))
}

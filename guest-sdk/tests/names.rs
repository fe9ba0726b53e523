//! What a user calls things does not matter: functions, parameters and types may have names that the macro's code uses.

#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use au_guest::{async_compute, call};

fn answer(function: &str, input: &str) -> String {
    let output = call(function, "application/json", input.as_bytes()).unwrap();
    String::from_utf8(output.bytes).unwrap()
}

/// Functions whose only parameter is called as they are.
macro_rules! functions {
    ($($name:ident)*) => {
        $(
            #[async_compute]
            fn $name($name: u32) -> u32 {
                $name + 1
            }
        )*

        #[test]
        fn a_function_and_its_parameter_may_be_called_as_something_of_the_macro() {
            for name in [$(stringify!($name)),*] {
                let name = name.trim_start_matches("r#");
                assert_eq!(answer(name, "[41]"), "42", "{name}");
                assert_eq!(answer(name, &format!(r#"{{"{name}": 41}}"#)), "42", "{name}, by name");
            }
            assert_eq!(add(41), call_directly(41));
        }
    };
}

mod shadowed {
    use super::{answer, async_compute};

    functions! {
        add call output parameters slots input value error generator from number functions function title host module
        request arguments submit read has written failure taken schema parameter argument0 argument1 serde std core
        au_guest au_host main r#type r#fn r#match r#async
    }

    fn call_directly(number: u32) -> u32 {
        self::call(number)
    }
}

mod types {
    use au_guest::async_compute;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    macro_rules! types {
        ($($name:ident)*) => {
            $(
                #[derive(Default, Serialize, Deserialize, JsonSchema)]
                pub(crate) struct $name {
                    pub(crate) number: u32,
                }
            )*
        };
    }

    types! { Slots Payload Function Failure Input Schema Generator Parameter Host Handle Request Arguments Output Error String Vec }

    type Result<T> = std::result::Result<T, std::string::String>;

    #[async_compute]
    #[expect(clippy::too_many_arguments, reason = "one for each name")]
    fn own_types(
        a: Slots,
        b: Payload,
        c: Function,
        d: Failure,
        e: Input,
        f: Schema,
        g: Generator,
        h: Parameter,
        i: Host,
        j: Handle,
        k: Request,
        l: Arguments,
        m: Output,
        n: Error,
        o: String,
        p: Vec,
        q: Payload,
    ) -> Result<Slots> {
        let letters = [a.number, b.number, c.number, d.number, e.number, f.number, g.number, h.number, i.number];
        let more = [j.number, k.number, l.number, m.number, n.number, o.number, p.number, q.number];
        match letters.iter().chain(&more).sum() {
            0 => Err("nothing".into()),
            number => Ok(Slots { number }),
        }
    }
}

mod prelude {
    #![allow(dead_code, unused_imports, reason = "they only have to be there")]
    use au_guest::async_compute;

    enum Option {
        Some,
        None,
    }
    enum Result {
        Ok,
        Err,
    }
    use Option::{None, Some};
    use Result::{Err, Ok};

    trait Default {}
    struct Box;

    #[async_compute]
    fn own_prelude(number: u32) -> std::result::Result<u32, std::string::String> {
        std::result::Result::Ok(number)
    }
}

#[test]
fn a_type_may_be_called_as_one_of_the_macro() {
    let input = format!("[{}]", [r#"{"number": 2}"#; 17].join(","));
    assert_eq!(answer("own_types", &input), r#"{"number":34}"#);
}

#[test]
fn a_module_may_have_its_own_names_for_those_of_the_prelude() {
    assert_eq!(answer("own_prelude", "[7]"), "7");
}

#[test]
fn a_function_within_a_function_may_use_types_that_stand_there() {
    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Local(u32);

    #[async_compute]
    fn within(value: Local) -> Local {
        Local(value.0 * 2)
    }
    assert_eq!(within(Local(4)).0, 8);
    assert_eq!(answer("within", "[4]"), "8");
}

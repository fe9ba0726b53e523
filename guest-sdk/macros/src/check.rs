//! What a function's signature must be like, and what it says.

use syn::spanned::Spanned;
use syn::{Error, Expr, FnArg, Ident, ItemFn, Lit, Meta, Pat, Result, ReturnType, Type, visit::Visit};

/// A signature that will do.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Output,
    pub(crate) summary: String,
}

pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) kind: Type,
    /// Whether its type is written as an `Option`, so that it may be left out.
    pub(crate) optional: bool,
}

pub(crate) enum Output {
    /// Always a value.
    Value(Type),
    /// A value or an error; the type of the value.
    Result(Type),
}

/// Reads a function's signature.
pub(crate) fn check(function: &ItemFn) -> Result<Signature> {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        return Err(Error::new(
            word.span(),
            "an async function cannot be a job: write a plain one, the host runs it in the background",
        ));
    }
    if let Some(word) = &signature.unsafety {
        return Err(Error::new(word.span(), "an unsafe function cannot be called by a host"));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(abi.span(), "an extern function cannot be a job: leave out the ABI"));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new(
            signature.generics.span(),
            "a generic function cannot be a job: a host must know its types; mark a function that calls it",
        ));
    }
    if let Some(rest) = &signature.variadic {
        return Err(Error::new(rest.span(), "a job has a fixed number of parameters: take a Vec"));
    }
    let parameters = signature.inputs.iter().map(parameter).collect::<Result<_>>()?;
    Ok(Signature { parameters, output: output(&signature.output)?, summary: summary(function) })
}

fn parameter(argument: &FnArg) -> Result<Parameter> {
    let argument = match argument {
        FnArg::Typed(argument) => argument,
        FnArg::Receiver(this) => {
            return Err(Error::new(
                this.span(),
                "a method cannot be a job: mark a plain function that makes the value it needs",
            ));
        }
    };
    let name = match &*argument.pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => name.ident.clone(),
        other => return Err(Error::new(other.span(), "a parameter needs a plain name, by which it can be given")),
    };
    owned(
        &argument.ty,
        "a parameter is read from the job's input, so it must be owned: String for &str, Vec<T> for &[T]",
    )?;
    let optional = last_segment(&argument.ty).is_some_and(|segment| segment.ident == "Option");
    Ok(Parameter { name, kind: (*argument.ty).clone(), optional })
}

fn output(output: &ReturnType) -> Result<Output> {
    let ReturnType::Type(_, kind) = output else {
        return Ok(Output::Value(syn::parse_quote!(())));
    };
    owned(kind, "the output is written to the job's record, so it must be owned: String for &str, Vec<T> for &[T]")?;
    let Some(segment) = last_segment(kind).filter(|segment| segment.ident == "Result") else {
        return Ok(Output::Value((**kind).clone()));
    };
    let syn::PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Err(Error::new(kind.span(), "say what the result holds: Result<T, E>"));
    };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(value)) => Ok(Output::Result(value.clone())),
        _ => Err(Error::new(kind.span(), "say what the result holds: Result<T, E>")),
    }
}

/// Refuses references and `impl Trait`, wherever in the type they are. A `'static` reference may be written, not read.
fn owned(kind: &Type, why: &str) -> Result<()> {
    struct Borrowed(Option<(proc_macro2::Span, bool)>);
    impl<'ast> Visit<'ast> for Borrowed {
        fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
            self.0.get_or_insert((reference.span(), false));
        }

        fn visit_type_impl_trait(&mut self, kind: &'ast syn::TypeImplTrait) {
            self.0.get_or_insert((kind.span(), true));
        }
    }
    let mut borrowed = Borrowed(None);
    borrowed.visit_type(kind);
    match borrowed.0 {
        None => Ok(()),
        Some((span, false)) => Err(Error::new(span, why)),
        Some((span, true)) => Err(Error::new(span, "a host must know the type: name it instead of `impl Trait`")),
    }
}

fn last_segment(kind: &Type) -> Option<&syn::PathSegment> {
    match kind {
        Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The first line of the doc comment that says something.
fn summary(function: &ItemFn) -> String {
    let text = |attribute: &syn::Attribute| match &attribute.meta {
        Meta::NameValue(doc) if doc.path.is_ident("doc") => match &doc.value {
            Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    };
    function.attrs.iter().filter_map(text).find(|line| !line.is_empty()).unwrap_or_default()
}

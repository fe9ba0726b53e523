//! What a function's signature must be like, and what it says.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Error, Expr, FnArg, GenericArgument, Ident, ItemFn, Lit, Meta, Pat, PathArguments, Result, ReturnType, Type,
    visit::Visit,
};

/// A signature that will do.
pub(crate) struct Signature {
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) output: Output,
    pub(crate) summary: String,
}

pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) kind: Type,
}

pub(crate) struct Output {
    /// What there is when all went well.
    pub(crate) value: Type,
    pub(crate) error: Fails,
}

/// Whether a function may give an error instead.
pub(crate) enum Fails {
    Never,
    /// It may: where its type is written.
    With(Span),
}

/// Reads a function's signature.
pub(crate) fn check(function: &ItemFn) -> Result<Signature> {
    let signature = &function.sig;
    let refused: [(Option<TokenStream>, &str); 4] = [
        (
            tokens(signature.asyncness.as_ref()),
            "an async function cannot be a job: write a plain one, the host runs it in the background",
        ),
        (tokens(signature.unsafety.as_ref()), "an unsafe function cannot be called by a host"),
        (tokens(signature.abi.as_ref()), "an extern function cannot be a job: leave out the ABI"),
        (
            tokens((!signature.generics.params.is_empty()).then_some(&signature.generics)),
            "a generic function cannot be a job: a host must know its types; mark a function that calls it",
        ),
    ];
    for (found, why) in refused {
        if let Some(found) = found {
            return Err(Error::new_spanned(found, why));
        }
    }
    let parameters = signature.inputs.iter().map(parameter).collect::<Result<_>>()?;
    Ok(Signature { parameters, output: output(&signature.output)?, summary: summary(function) })
}

fn tokens(found: Option<&impl ToTokens>) -> Option<TokenStream> {
    found.map(ToTokens::to_token_stream)
}

fn parameter(argument: &FnArg) -> Result<Parameter> {
    let argument = match argument {
        FnArg::Typed(argument) => argument,
        FnArg::Receiver(this) => {
            let why = "a method cannot be a job: mark a plain function that makes the value it needs";
            return Err(Error::new_spanned(this, why));
        }
    };
    let name = match &*argument.pat {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => name.ident.clone(),
        other => return Err(Error::new_spanned(other, "a parameter needs a plain name, by which it can be given")),
    };
    let why = "a parameter is read from the job's input, so it must be owned: String for &str, Vec<T> for &[T]";
    owned(&argument.ty, why)?;
    Ok(Parameter { name, kind: (*argument.ty).clone() })
}

fn output(output: &ReturnType) -> Result<Output> {
    let output = match output {
        ReturnType::Default => Output { value: syn::parse_quote!(()), error: Fails::Never },
        ReturnType::Type(_, kind) => match last_segment(kind).filter(|segment| segment.ident == "Result") {
            None => Output { value: (**kind).clone(), error: Fails::Never },
            Some(segment) => result(kind, &segment.arguments)?,
        },
    };
    let why = "the output is written to the job's record, so it must be owned: String for &str, Vec<T> for &[T]";
    owned(&output.value, why)?;
    Ok(output)
}

/// `Result<T, E>`, or another one with `T` alone, as that of `std::io`.
fn result(kind: &Type, arguments: &PathArguments) -> Result<Output> {
    let mut kinds = match arguments {
        PathArguments::AngleBracketed(arguments) => arguments.args.iter().collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .filter_map(|argument| match argument {
        GenericArgument::Type(kind) => Some(kind.clone()),
        _ => None,
    });
    match kinds.next() {
        Some(value) => {
            Ok(Output { error: Fails::With(kinds.next().map_or(value.span(), |error| error.span())), value })
        }
        None => Err(Error::new_spanned(kind, "say what the result holds: Result<T, E>")),
    }
}

/// Refuses what is borrowed and `impl Trait`, wherever in the type they are.
fn owned(kind: &Type, why: &str) -> Result<()> {
    struct Borrowed<'a>(&'a str, Option<Error>);
    impl<'ast> Visit<'ast> for Borrowed<'_> {
        fn visit_type_reference(&mut self, reference: &'ast syn::TypeReference) {
            self.1.get_or_insert_with(|| Error::new_spanned(reference, self.0));
        }

        fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
            if lifetime.ident != "static" {
                self.1.get_or_insert_with(|| Error::new_spanned(lifetime, self.0));
            }
        }

        fn visit_type_impl_trait(&mut self, kind: &'ast syn::TypeImplTrait) {
            let why = "a host must know the type: name it instead of `impl Trait`";
            self.1.get_or_insert_with(|| Error::new_spanned(kind, why));
        }
    }
    let mut borrowed = Borrowed(why, None);
    borrowed.visit_type(kind);
    borrowed.1.map_or(Ok(()), Err)
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

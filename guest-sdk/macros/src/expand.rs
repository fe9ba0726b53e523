//! The code that makes a function callable: it reads the arguments, writes the output, and puts the function on the list.
//!
//! It stands beside the user's code and must not get in its way: every path is written out, items have names that nobody
//! gives theirs (`__au_…`), and local names are the macro's own (`mixed_site`), whatever the user's functions are called.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Ident, ItemFn};

use crate::check::{Fails, Output, Signature};
use crate::client;

/// The function, and beside it what a host needs.
pub(crate) fn expand(function: &ItemFn, signature: &Signature) -> TokenStream {
    let glue = glue(&function.sig.ident, signature);
    let client = client::client(function, signature);
    quote! {
        #function
        #glue
        #client
    }
}

/// Where a mistake about `tokens` is shown. Local names are the macro's own all the same.
pub(crate) fn at(tokens: &impl ToTokens) -> Span {
    tokens.span().resolved_at(Span::mixed_site())
}

fn glue(name: &Ident, signature: &Signature) -> TokenStream {
    let (title, summary) = (name.unraw().to_string(), &signature.summary);
    let (slots, call, parameters) = (slots(signature), call(name, signature), parameters(signature));
    let kind = &signature.output.value;
    let output = quote_spanned! { at(kind) => ::au_guest::__private::schema::<#kind>(generator) };
    let plain = plain(&signature.output);
    quote_spanned! { Span::mixed_site() =>
        const _: () = {
            #slots
            #plain

            static __AU_FUNCTION: ::au_guest::__private::Function = ::au_guest::__private::Function {
                name: #title,
                summary: #summary,
                call: |input| #call,
                parameters: |generator| ::std::vec![#(#parameters),*],
                output: |generator| #output,
            };

            extern "C" fn __au_add() {
                ::au_guest::__private::add(&__AU_FUNCTION);
            }

            // A constructor: the only way to be found without being named. `unsafe_code` does not look into other crates'
            // macros, and to allow it here would fail where it is forbidden.
            #[used]
            #[cfg_attr(any(target_family = "wasm", all(unix, not(target_vendor = "apple"))), unsafe(link_section = ".init_array"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
            #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
            static __AU_ADD: extern "C" fn() = __au_add;
        };
    }
}

/// Refuses a `Result` under another name: its error would be written down as an output.
fn plain(output: &Output) -> TokenStream {
    let (Fails::Never, kind) = (&output.error, &output.value) else { return TokenStream::new() };
    quote_spanned! { at(kind) =>
        const _: () = {
            use ::au_guest::__private::Plain as _;
            ::std::assert!(
                ::au_guest::__private::Probe::<#kind>::IS_PLAIN,
                "this is a Result under another name: write it as Result<T, E>, so that an error fails the job",
            );
        };
    }
}

/// From the input to the output or a failure.
fn call(name: &Ident, signature: &Signature) -> TokenStream {
    let names = signature.parameters.iter().map(|parameter| parameter.name.unraw().to_string());
    let fields = fields(signature);
    let called = quote_spanned! { Span::mixed_site() => #name(#(::au_guest::__private::taken(slots.#fields)?),*) };
    let Output { value: kind, error } = &signature.output;
    let value = match error {
        Fails::Never => called,
        Fails::With(place) => {
            let failure =
                quote_spanned! { place.resolved_at(Span::mixed_site()) => ::au_guest::__private::failure(error) };
            quote_spanned! { Span::mixed_site() =>
                match #called {
                    ::std::result::Result::Ok(value) => value,
                    ::std::result::Result::Err(error) => return ::std::result::Result::Err(#failure),
                }
            }
        }
    };
    let written = quote_spanned! { at(kind) => ::au_guest::__private::written(value, input.content_type) };
    quote_spanned! { Span::mixed_site() => {
        let slots: __AuSlots = input.arguments(&[#(#names),*])?;
        #[allow(clippy::let_unit_value, reason = "a function may have no output")]
        let value = #value;
        #written
    } }
}

/// What is said of each parameter.
fn parameters(signature: &Signature) -> Vec<TokenStream> {
    let parameter = |(number, parameter): (usize, &crate::check::Parameter)| {
        let (kind, title) = (&parameter.kind, parameter.name.unraw().to_string());
        quote_spanned! { at(kind) =>
            ::au_guest::__private::parameter::<__AuSlots, #kind>(generator, #title, #number)
        }
    };
    signature.parameters.iter().enumerate().map(parameter).collect()
}

/// A place for each argument, filled as the codec comes to it.
fn slots(signature: &Signature) -> TokenStream {
    let fields = fields(signature);
    let kinds: Vec<_> = signature.parameters.iter().map(|parameter| &parameter.kind).collect();
    let numbers: Vec<_> = (0..fields.len()).collect();
    let reads = fields.iter().zip(&numbers).zip(&kinds).map(|((field, number), kind)| {
        let field = Ident::new(&field.to_string(), at(kind));
        quote_spanned! { at(kind) => #number => ::au_guest::__private::read(&mut self.#field, from), }
    });
    quote_spanned! { Span::mixed_site() =>
        #[derive(::std::default::Default)]
        struct __AuSlots { #(#fields: ::std::option::Option<#kinds>),* }

        impl ::au_guest::__private::Slots for __AuSlots {
            fn read<'de, D: ::au_guest::__private::serde::Deserializer<'de>>(
                &mut self,
                number: ::std::primitive::usize,
                from: D,
            ) -> ::std::result::Result<(), D::Error> {
                match number {
                    #(#reads)*
                    _ => ::std::result::Result::Ok(()),
                }
            }

            fn has(&self, number: ::std::primitive::usize) -> ::std::primitive::bool {
                match number {
                    #(#numbers => self.#fields.is_some(),)*
                    _ => true,
                }
            }
        }
    }
}

fn fields(signature: &Signature) -> Vec<Ident> {
    let field = |number| format_ident!("argument{number}", span = Span::mixed_site());
    (0..signature.parameters.len()).map(field).collect()
}

//! The code that makes a function callable: it reads the arguments, writes the output, and puts the function on the list.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ItemFn};

use crate::check::{Output, Signature};
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

fn glue(name: &Ident, signature: &Signature) -> TokenStream {
    let title = unraw(name);
    let summary = &signature.summary;
    let slots = slots(signature);
    let fields: Vec<_> = (0..signature.parameters.len()).map(|at| format_ident!("argument{at}")).collect();
    let names = signature.parameters.iter().map(|parameter| unraw(&parameter.name));
    let parameters = signature.parameters.iter().map(|parameter| {
        let (kind, title, optional) = (&parameter.kind, unraw(&parameter.name), parameter.optional);
        quote_spanned! { kind.span() => __private::parameter::<#kind>(generator, #title, #optional) }
    });
    // Called where all is known to be there, so `None` cannot be.
    let taken = fields.iter().map(|field| {
        quote! { match slots.#field { Some(value) => value, None => return Err(au_guest::Failure::Failed(String::new())) } }
    });
    let called = quote! { #name(#(#taken),*) };
    let (value, kind) = match &signature.output {
        Output::Value(kind) => (called, kind),
        Output::Result(kind) => (
            quote! { match #called { Ok(value) => value, Err(error) => return Err(__private::Wrap(error).raised()) } },
            kind,
        ),
    };
    let encoded = quote_spanned! { kind.span() => __private::Wrap(value).encoded(input.content_type) };
    quote! {
        const _: () = {
            use ::au_guest::__private;
            use ::au_guest;
            #[allow(unused_imports, reason = "which one is needed depends on the signature")]
            use __private::{Encoded as _, Raised as _};
            use ::std::{option::Option::{self, None, Some}, result::Result::{self, Err, Ok}, string::String};

            #slots

            #[allow(unused_variables, clippy::let_unit_value, reason = "a function may have no parameters, or no output")]
            fn call(input: __private::Input<'_>) -> Result<au_guest::Payload, au_guest::Failure> {
                let slots: Slots = input.arguments(&[#(#names),*])?;
                let value = #value;
                #encoded
            }

            #[allow(unused_variables, reason = "a function may have no parameters")]
            fn parameters(generator: &mut __private::Generator) -> ::std::vec::Vec<__private::Parameter> {
                ::std::vec![#(#parameters),*]
            }

            fn output(generator: &mut __private::Generator) -> __private::Schema {
                __private::schema::<#kind>(generator)
            }

            static FUNCTION: __private::Function =
                __private::Function { name: #title, summary: #summary, call, parameters, output };

            extern "C" fn add() {
                __private::add(&FUNCTION);
            }

            #[allow(unsafe_code, reason = "a constructor is the only way to be found without being named")]
            #[used]
            #[cfg_attr(any(target_family = "wasm", all(unix, not(target_vendor = "apple"))), unsafe(link_section = ".init_array"))]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
            #[cfg_attr(windows, unsafe(link_section = ".CRT$XCU"))]
            static ADD: extern "C" fn() = add;
        };
    }
}

/// A place for each argument, filled as the codec comes to it.
fn slots(signature: &Signature) -> TokenStream {
    let fields: Vec<_> = (0..signature.parameters.len()).map(|at| format_ident!("argument{at}")).collect();
    let kinds: Vec<_> = signature.parameters.iter().map(|parameter| &parameter.kind).collect();
    let numbers: Vec<_> = (0..fields.len()).collect();
    let reads = fields.iter().zip(&numbers).zip(&kinds).map(|((field, at), kind)| {
        quote_spanned! { kind.span() => #at => __private::read(&mut self.#field, from), }
    });
    quote! {
        #[derive(Default)]
        struct Slots { #(#fields: Option<#kinds>),* }

        #[allow(unused_variables, reason = "a function may have no parameters")]
        impl __private::Slots for Slots {
            fn read<'de, D: __private::serde::Deserializer<'de>>(&mut self, at: usize, from: D) -> Result<(), D::Error> {
                match at {
                    #(#reads)*
                    _ => Ok(()),
                }
            }

            fn has(&self, at: usize) -> bool {
                match at {
                    #(#numbers => self.#fields.is_some(),)*
                    _ => true,
                }
            }
        }
    }
}

fn unraw(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map_or(name.clone(), str::to_owned)
}

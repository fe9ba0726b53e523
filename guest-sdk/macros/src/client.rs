//! Typed calls of a function on a host: a module of the function's name, when the SDK's feature `client` is on.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ItemFn;

use crate::check::{Output, Signature};

/// `mod NAME { request, submit, call }`; nothing without the feature.
pub(crate) fn client(function: &ItemFn, signature: &Signature) -> TokenStream {
    if !cfg!(feature = "client") {
        return TokenStream::new();
    }
    let (name, visibility) = (&function.sig.ident, &function.vis);
    let title = name.to_string();
    let parameters: Vec<_> = signature.parameters.iter().map(|parameter| &parameter.name).collect();
    let kinds: Vec<_> = signature.parameters.iter().map(|parameter| &parameter.kind).collect();
    let (Output::Value(output) | Output::Result(output)) = &signature.output;
    let docs = [
        format!("Typed calls of `{title}` on a host that has this crate's module under the crate's name."),
        format!(
            "The request that asks for `{title}` with these arguments; change it before it is submitted as you like."
        ),
        format!("Submits `{title}` as a job and returns its handle at once."),
        format!("Calls `{title}` and waits for its output. Nothing is kept."),
    ];
    let [about, request, submit, call] = &docs;
    quote! {
        #[cfg(not(target_family = "wasm"))]
        #[doc = #about]
        #[allow(unused_imports, reason = "the types may be of the prelude")]
        #visibility mod #name {
            use super::*;
            use ::au_guest::__private::au_host;

            #[doc = #request]
            ///
            /// # Errors
            /// `Invalid` when an argument cannot be written as JSON.
            pub fn request(#(#parameters: #kinds),*) -> ::au_guest::__private::au_host::Result<au_host::Request> {
                let module: au_host::ModuleRef = ::std::env!("CARGO_PKG_NAME").parse()?;
                let input = au_host::Payload::json(&(#(#parameters,)*))?;
                ::std::result::Result::Ok(au_host::Request::new(module, #title, input))
            }

            #[doc = #submit]
            ///
            /// # Errors
            /// As for `Host::submit`.
            pub async fn submit(host: &au_host::Host, #(#parameters: #kinds),*) -> au_host::Result<au_host::Handle<#output>> {
                ::std::result::Result::Ok(host.submit(request(#(#parameters),*)?).await?.typed())
            }

            #[doc = #call]
            ///
            /// # Errors
            /// As for `Host::call`.
            pub async fn call(host: &au_host::Host, #(#parameters: #kinds),*) -> au_host::Result<#output> {
                au_host::Output::read(&host.call(request(#(#parameters),*)?).await?)
            }
        }
    }
}

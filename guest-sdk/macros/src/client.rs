//! Typed calls of a function on a host, when the SDK's feature `client` is on.
//!
//! They are functions of a type that has the function's name: values and types do not share names, so `factorial(5)` and
//! `factorial::submit(&host, 5)` stand side by side, wherever a function may stand. A module would not see the types of a
//! function that stands in another one.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::ItemFn;
use syn::ext::IdentExt;

use crate::check::Signature;
use crate::expand::at;

/// `NAME::{request, submit, call}`; nothing without the feature.
pub(crate) fn client(function: &ItemFn, signature: &Signature) -> TokenStream {
    if !cfg!(feature = "client") {
        return TokenStream::new();
    }
    let (name, visibility) = (&function.sig.ident, &function.vis);
    let title = name.unraw().to_string();
    let names: Vec<_> = signature.parameters.iter().map(|parameter| &parameter.name).collect();
    let kinds: Vec<_> = signature.parameters.iter().map(|parameter| &parameter.kind).collect();
    let output = &signature.output.value;
    let about = format!("Typed calls of `{title}` on a host that has this crate's module under the crate's name.");
    let typed = quote_spanned! { at(output) => ::au_guest::__private::typed::<#output>(handle) };
    let read = quote_spanned! { at(output) => ::au_guest::__private::received::<#output>(&output) };
    let docs = [
        format!(
            "The request that asks for `{title}` with these arguments; change it before it is submitted as you like."
        ),
        format!("Submits `{title}` as a job and returns its handle at once."),
        format!("Calls `{title}` and waits for its output. Nothing is kept."),
    ];
    let [request, submit, call] = &docs;
    let added =
        names.iter().zip(&kinds).map(|(name, kind)| quote_spanned! { at(kind) => arguments.add::<#kind>(&#name)?; });
    // Names of parameters are the user's, all others the macro's own: a parameter may be called `host`.
    quote_spanned! { Span::mixed_site() =>
        #[cfg(not(target_family = "wasm"))]
        #[doc = #about]
        #[allow(non_camel_case_types, dead_code, reason = "it is named as the function is, and need not be used")]
        #[derive(::std::fmt::Debug)]
        #visibility enum #name {}

        #[cfg(not(target_family = "wasm"))]
        #[allow(private_interfaces, dead_code, clippy::too_many_arguments, reason = "as the function itself")]
        impl #name {
            #[doc = #request]
            ///
            /// # Errors
            /// `Invalid` when an argument cannot be written as JSON.
            #visibility fn request(#(#names: #kinds),*) -> ::au_guest::__private::au_host::Result<::au_guest::__private::au_host::Request> {
                let mut arguments = ::au_guest::__private::Arguments::default();
                #(#added)*
                arguments.request(::std::module_path!(), #title)
            }

            #[doc = #submit]
            ///
            /// # Errors
            /// As for `Host::submit`.
            #visibility async fn submit(
                host: &impl ::au_guest::__private::au_host::Front,
                #(#names: #kinds),*
            ) -> ::au_guest::__private::au_host::Result<::au_guest::__private::au_host::Handle<#output>> {
                let handle = ::au_guest::__private::au_host::Front::submit(host, Self::request(#(#names),*)?).await?;
                ::std::result::Result::Ok(#typed)
            }

            #[doc = #call]
            ///
            /// # Errors
            /// As for `Host::call`.
            #visibility async fn call(
                host: &impl ::au_guest::__private::au_host::Front,
                #(#names: #kinds),*
            ) -> ::au_guest::__private::au_host::Result<#output> {
                let output = ::au_guest::__private::au_host::Front::call(host, Self::request(#(#names),*)?).await?;
                #read
            }
        }
    }
}

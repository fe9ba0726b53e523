//! `#[async_compute]`: leaves a function as it is and makes it callable by a host.

mod check;
mod client;
mod expand;

use proc_macro::TokenStream;
use syn::{ItemFn, parse_macro_input};

/// Makes a plain function one that au-host can call. See the documentation of `au_guest`.
#[proc_macro_attribute]
pub fn async_compute(attribute: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(token) = proc_macro2::TokenStream::from(attribute).into_iter().next() {
        return syn::Error::new(
            token.span(),
            "#[async_compute] takes nothing in parentheses: what a function is given and \
            gives is read off its signature",
        )
        .into_compile_error()
        .into();
    }
    let function = parse_macro_input!(item as ItemFn);
    match check::check(&function) {
        Ok(signature) => expand::expand(&function, &signature).into(),
        Err(error) => {
            // The function itself stays, so that its callers are not reported as well.
            let error = error.into_compile_error();
            quote::quote! { #function #error }.into()
        }
    }
}

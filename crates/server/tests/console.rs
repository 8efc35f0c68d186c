//! The console over HTTP, on a real program. In a browser: `console.mjs`.

#[cfg(test)]
#[path = "console/house.rs"]
mod house;
#[cfg(test)]
#[path = "console/pages.rs"]
mod pages;

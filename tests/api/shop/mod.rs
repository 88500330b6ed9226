mod buy;
mod pages;

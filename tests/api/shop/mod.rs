mod buy;
mod dates;
mod pages;

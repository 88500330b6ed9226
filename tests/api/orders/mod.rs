mod cancel;
mod expire;
mod mail;
mod pay;
mod place;
mod tickets;

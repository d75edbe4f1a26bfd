//! Offer and answer across two legs (RFC 3264): what one party offers is offered on, what the other answers
//! is answered back, and addresses are replaced where we stand in between.

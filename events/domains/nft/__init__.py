"""NFT: rewards, tokens, their owners and the marketplace."""

"""Documents from elsewhere: what users name by URL is fetched here, and every URL is hostile."""

"""The shape of requests and answers, for the documentation and for the SQL that writes them."""

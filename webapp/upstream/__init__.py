"""The only package that speaks to LLM servers. It knows neither Flask nor the database."""

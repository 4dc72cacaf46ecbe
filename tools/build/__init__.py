"""Building engines from bundles, and proof that they judge as the bundle does."""

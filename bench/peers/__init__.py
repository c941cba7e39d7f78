"""The servers that Headwater is measured against."""

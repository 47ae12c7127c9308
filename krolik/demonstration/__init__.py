"""A rabbit that is generated: a small ray-cast animal with exact keypoints, for showing and for testing."""

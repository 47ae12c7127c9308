"""Pictures of poses: overlays on frames, annotated videos, annotated images."""

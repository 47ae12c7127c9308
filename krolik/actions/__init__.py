"""What each verb does with a project: one file per verb. `krolik.api` offers them; nothing else calls them."""

"""Frames to video files, with everything of the input but its picture: sound, subtitles, chapters, tags."""

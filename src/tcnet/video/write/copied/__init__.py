"""All of the input but its picture, copied or converted: sound, subtitles, attachments, chapters, tags."""

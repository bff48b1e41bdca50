"""Pictures to packets: codecs, encoders in software and on graphics processors, closed captions."""

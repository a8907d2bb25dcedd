"""Token ids by Hugging Face's own library: encode_texts.py TOKENIZER_JSON < JSON list of texts > JSON list of lists of ids."""

import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(sys.argv[1])
texts = json.load(sys.stdin)
json.dump([tokenizer.encode(text, add_special_tokens=False).ids for text in texts], sys.stdout)

"""Trains a small tokenizer of each family with Hugging Face's own library: train_tokenizers.py FOLDER TEXT..."""

import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

FAMILIES = {
    "byte-level-bpe": (
        models.BPE(),
        None,
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
        trainers.BpeTrainer(vocab_size=6000, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    ),
    "wordpiece": (
        models.WordPiece(unk_token="[UNK]"),
        normalizers.BertNormalizer(lowercase=True),
        pre_tokenizers.BertPreTokenizer(),
        decoders.WordPiece(),
        trainers.WordPieceTrainer(vocab_size=6000, special_tokens=["[UNK]"], show_progress=False),
    ),
    "unigram": (
        models.Unigram(),
        normalizers.NFKC(),
        pre_tokenizers.Metaspace(),
        decoders.Metaspace(),
        trainers.UnigramTrainer(vocab_size=5000, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False),
    ),
}

folder, *texts = sys.argv[1:]
for name, (model, normalizer, pre_tokenizer, decoder, trainer) in FAMILIES.items():
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.train(texts, trainer)
    tokenizer.save(f"{folder}/{name}.json")

"""Text experts: a Hugging Face encoder (`transformer`), and TF-IDF with a linear SVM (`tfidf`)."""

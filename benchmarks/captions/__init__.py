"""A text-conditional latent model of captioned digits: trained, measured, and written to a folder.

``python -m benchmarks.captions FOLDER`` trains an autoencoder of the images, then a velocity of
their latents together with an encoder of their captions, in about 15 minutes on one core. The
folder is a checkpoint of the network kind ``staged``; ``results.json`` in it says how often a
sample is what its prompt says. ``--measure`` measures a checkpoint that is there.
"""

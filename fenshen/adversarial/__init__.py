"""The game between generator and discriminator: losses, penalties, augmentation, averaging."""

"""Pictures to pictures: what is damaged is restored, what is photographed is drawn in another style."""

"""The protocol of the ComfyUI ecosystem, at the border and nowhere else."""

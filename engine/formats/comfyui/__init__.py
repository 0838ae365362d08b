"""The form of ComfyUI's editor, read and written."""

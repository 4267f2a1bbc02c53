"""The process that keeps every client connection: protocols, dispatch and stamps, generations, Managers."""

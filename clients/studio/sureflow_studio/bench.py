"""placeholder"""
class Bench:
    def __init__(self, session, notice, back): pass
    async def open(self, handle): pass

/** A cache of immutable things by name, limited by their bytes; the one unused longest goes first. */
export class ByteLimitedCache<T> {
  private readonly entries = new Map<string, { readonly value: T; readonly bytes: number }>()
  private held = 0
  constructor(private readonly maxBytes: number) {}

  get bytes(): number {
    return this.held
  }

  get(name: string): T | undefined {
    const entry = this.entries.get(name)
    if (entry === undefined) return undefined
    // A Map keeps the order of insertion: putting it in again makes it the youngest.
    this.entries.delete(name)
    this.entries.set(name, entry)
    return entry.value
  }

  /** Something larger than the whole limit is not kept. */
  set(name: string, value: T, bytes: number): void {
    this.delete(name)
    if (bytes > this.maxBytes) return
    this.entries.set(name, { value, bytes })
    this.held += bytes
    for (const oldest of this.entries.keys()) {
      if (this.held <= this.maxBytes) return
      this.delete(oldest)
    }
  }

  delete(name: string): void {
    const entry = this.entries.get(name)
    if (entry === undefined) return
    this.entries.delete(name)
    this.held -= entry.bytes
  }
}

/** Answers a browser remembers by their ETags. Beyond the limit it forgets all, which costs a few whole answers. */
export const maxTags = 1_000

export class KnownTags {
  readonly #tags = new Map<string, string>()

  of(address: string): string | undefined {
    return this.#tags.get(address)
  }

  remember(address: string, tag: string): void {
    if (this.#tags.size >= maxTags && !this.#tags.has(address)) this.#tags.clear()
    this.#tags.set(address, tag)
  }
}

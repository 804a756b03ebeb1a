/** The object store of a run, whose objects can be damaged as they lie there. */
import { memoryObjectStore } from '../../core/adapters/memory/memory-object-store.ts'

interface Damage {
  readonly name: string
  readonly right: Buffer
  readonly damaged: Buffer
}

export class SimObjects {
  /** As processes reach it. */
  readonly port = memoryObjectStore()
  #damages: Damage[] = []
  /** Names of what was put right last. */
  #healed: readonly string[] = []

  get isDamaged(): boolean {
    return this.#damages.length > 0
  }

  /** Turns one bit of one object; says whether there was one. */
  async damage(place: number, bit: number): Promise<boolean> {
    const names = await this.port.list('')
    const name = names[place % Math.max(1, names.length)]
    const right = name === undefined ? undefined : await this.port.get(name)
    if (name === undefined || right === undefined || right.length === 0) return false
    const damaged = Buffer.from(right)
    const at = Math.floor(place / names.length) % right.length
    damaged[at] = (damaged[at] ?? 0) ^ (1 << bit)
    await this.port.put(name, damaged)
    this.#damages.push({ name, right, damaged })
    return true
  }

  /** Whether damage is what an error may be of: of now, or of an object that was put right after it had been read. */
  explains(error: unknown): boolean {
    return this.isDamaged || this.#healed.some((name) => String(error).includes(name))
  }

  /** As an operator does who has copies: what is damaged still is as it was. */
  async heal(): Promise<void> {
    const damages = this.#damages.splice(0)
    if (damages.length > 0) this.#healed = damages.map(({ name }) => name)
    for (const { name, right, damaged } of damages.reverse()) {
      if ((await this.port.get(name))?.equals(damaged)) await this.port.put(name, right)
    }
  }

  /** Whoever runs now has read what is right: no error is of what was damaged once. */
  forget(): void {
    this.#healed = []
  }
}

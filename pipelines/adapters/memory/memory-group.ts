/** A consumer group in memory, moved by hand: who has which partitions is what the test says. */
import type { Assignment } from '../../../core/ports/feed.ts'

export interface MemoryMember extends Assignment {
  /** From now on it is not told of changes, as a process that is stopped or cut off. `confirm` tells it all the same. */
  sleep(): void
  wake(): void
}

export interface MemoryGroup {
  /** A member without partitions. */
  join(): MemoryMember
  /** Gives the members their partitions, in the order they joined; those left out have none. */
  assign(...partitions: readonly (readonly number[])[]): void
}

export function memoryGroup(): MemoryGroup {
  const members: Member[] = []
  return {
    join() {
      const member = new Member()
      members.push(member)
      return member
    },
    assign(...partitions) {
      members.forEach((member, i) => {
        member.give(partitions[i] ?? [])
      })
    },
  }
}

class Member implements MemoryMember {
  partitions: readonly number[] = []
  #given: readonly number[] = []
  #asleep = false
  readonly #listeners = new Set<() => void>()

  give(partitions: readonly number[]): void {
    this.#given = [...partitions]
    if (!this.#asleep) this.#learn()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async confirm(): Promise<void> {
    this.#learn()
  }

  sleep(): void {
    this.#asleep = true
  }

  wake(): void {
    this.#asleep = false
    this.#learn()
  }

  #learn(): void {
    if (this.partitions === this.#given) return
    this.partitions = this.#given
    for (const listener of this.#listeners) listener()
  }
}

/** A law that does not hold. */
export class Wrong extends Error {
  override readonly name = 'Wrong'
  constructor(
    /** Which law, in a word or two. */
    readonly law: string,
    says: string,
  ) {
    super(`${law}: ${says}`)
  }
}

/** Throws Wrong where the two differ, showing both. */
export function expectEqual(law: string, what: string, found: unknown, expected: unknown): void {
  const [a, b] = [text(found), text(expected)]
  if (a !== b && Array.isArray(found) && Array.isArray(expected)) {
    const [these, those] = [found.map(text), expected.map(text)]
    const more = these.filter((each) => !those.includes(each))
    const less = those.filter((each) => !these.includes(each))
    throw new Wrong(law, `${what} has ${cut(more.join(' '))}, and should have ${cut(less.join(' '))}`)
  }
  if (a !== b) throw new Wrong(law, `${what} is ${cut(a)}, expected ${cut(b)}`)
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each)) ?? 'undefined'
}

const cut = (value: string) => (value.length > 1_500 ? `${value.slice(0, 1_500)}…` : value)

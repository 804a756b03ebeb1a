/**
 * Code of its own for a closure. V8 keeps what it learnt of a call with the code, and closures of one piece of code share
 * it: in a chain of many steps every call then looks as if it could go anywhere, none is inlined, and the chain costs
 * several times what its steps do.
 */

/** Beyond so many copies closures share code, and are slower. A copy is some kilobytes and stays. */
export const ownCopiesMax = 4_096

const copies = new Map<unknown, Map<string, unknown>>()
let made = 0

/**
 * A copy of `make` for whoever is named: a step, an aggregate of a column. Its closures share nothing with those of other
 * names; one name has one copy, so the same plan made anew goes on with what was learnt. `make` names nothing but its
 * arguments: it is made of its text, where imports and variables around it are unknown.
 */
export function ownCode<Make extends (...given: never[]) => unknown>(make: Make, name: string): Make {
  let ofMake = copies.get(make)
  if (ofMake === undefined) {
    ofMake = new Map()
    copies.set(make, ofMake)
  }
  const known = ofMake.get(name)
  if (known !== undefined) return known as Make
  if (made >= ownCopiesMax) return make
  made += 1
  // Equal texts would be found in V8's cache and be one piece of code again.
  const copy = new Function(`return ${make.toString()}\n//# copy ${made}`)() as Make
  ofMake.set(name, copy)
  return copy
}

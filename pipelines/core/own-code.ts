/**
 * Code of its own for a closure. V8 keeps what it learnt of a call with the code, and closures of one piece of code share
 * it: in a chain of many steps every call then looks as if it could go anywhere, none is inlined, and the chain costs
 * several times what its steps do.
 */

/** Beyond so many copies closures share code, and are slower. A copy is some kilobytes and stays. */
export const ownCopiesMax = 4_096

type Make = (...given: never[]) => unknown
type FromConstants = (...constants: readonly unknown[]) => unknown

/** What has a copy, of at most `max`. */
export function codeCopies(max: number) {
  const copies = new Map<unknown, Map<string, unknown>>()
  const texts = new Map<string, FromConstants>()
  let made = 0

  /**
   * A copy of `make` for whoever is named: an aggregate of a column. Its closures share nothing with those of other names;
   * one name has one copy, so the same plan made anew goes on with what was learnt. `make` names nothing but its arguments:
   * it is made of its text, where imports and variables around it are unknown.
   */
  function ownCode<Made extends Make>(make: Made, name: string): Made {
    let ofMake = copies.get(make)
    if (ofMake === undefined) {
      ofMake = new Map()
      copies.set(make, ofMake)
    }
    const known = ofMake.get(name)
    if (known !== undefined) return known as Made
    if (made >= max) return make
    made += 1
    // Equal texts would be found in V8's cache and be one piece of code again.
    const copy = new Function(`return ${make.toString()}\n//# copy ${made}`)() as Made
    ofMake.set(name, copy)
    return copy
  }

  /**
   * The function of a text, whose free names are `parameters`; one name and text have one, as above. Beyond the limit it is
   * made anew each time, and learns anew. `name` is what profiles and stacks show.
   */
  function codeOfText(name: string, parameters: readonly string[], text: string): FromConstants {
    // Spaces and line ends would end the comment's name, or the comment.
    const key = `${text}\n//# sourceURL=hitlake/${name.replace(/[^\w./-]/g, '_')}`
    const known = texts.get(key)
    if (known !== undefined) return known
    const code = new Function(...parameters, key) as FromConstants
    if (made >= max) return code
    made += 1
    texts.set(key, code)
    return code
  }

  return { ownCode, codeOfText }
}

export const { ownCode, codeOfText } = codeCopies(ownCopiesMax)

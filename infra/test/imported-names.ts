/** What a file of TypeScript imports. */
import { parseSync, Visitor } from 'rolldown/utils'

/** As they are written: of imports and exports, of types too, and of `import('…')` as an expression or a type. */
export function importedNames(path: string, text: string): readonly string[] {
  const names: string[] = []
  const named = ({ source }: { readonly source: unknown }) => {
    const value = (source as { readonly value?: unknown } | null)?.value
    if (typeof value === 'string') names.push(value)
  }
  const { program, errors } = parseSync(path, text)
  const [error] = errors
  if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}`)
  new Visitor({
    ImportDeclaration: named,
    ExportNamedDeclaration: named,
    ExportAllDeclaration: named,
    ImportExpression: named,
    TSImportType: named,
  }).visit(program)
  return names
}

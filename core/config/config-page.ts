/** The reference page of the configuration, docs/reference/config.md, made from the schema. */
import type { z } from 'zod'
import { clusterVariables } from './cluster.ts'
import { embeddedVariables } from './embedded.ts'
import { clientVariables } from './parse-config.ts'
import { sharedVariables } from './shared.ts'
import { variableFacts } from './variables.ts'

/** The whole page; a test holds the file equal to it. */
export function configPage(): string {
  return `# Configuration

<!-- Made from core/config by \`npm run build && node infra/build/write-docs.mjs\`; a test compares. -->

Hitlake reads its configuration from environment variables, once, at the start. A wrong value stops the start with every
problem listed, and so does a \`HITLAKE_…\` variable that does not exist. A variable set to the empty text counts as not set.

Durations are a whole number and a unit: \`250ms\`, \`90s\`, \`15m\`, \`24h\`, \`30d\`. Sizes are bytes, or \`64 KB\`, \`256 MB\`,
\`10 GB\`, where 1 KB is 1,024 bytes.

## In every mode

${tableOf(sharedVariables)}

## Embedded (\`HITLAKE_MODE=embedded\`, the default)

${tableOf(ownOf(embeddedVariables.shape))}

## Cluster (\`HITLAKE_MODE=cluster\`)

Every role reads the same variables, so one environment serves all of them. What has no default must be set.

${tableOf(ownOf(clusterVariables.shape))}

The CLI also reads ${clientVariables.map((name) => `\`${name}\``).join(', ')}: the address of the server it talks to.
`
}

type Variables = Readonly<Record<string, z.ZodType>>

function tableOf(variables: Variables): string {
  const rows = Object.entries(variables).map(([name, schema]) => {
    const facts = variableFacts.get(schema)
    const byDefault = facts?.byDefault ? `\`${facts.byDefault}\`` : 'not set'
    return `| \`${name}\` | ${byDefault} | ${facts?.form ?? ''} | ${schema.description ?? ''} |`
  })
  return `| variable | default | form | meaning |\n|---|---|---|---|\n${rows.join('\n')}`
}

function ownOf(variables: Variables): Variables {
  return Object.fromEntries(Object.entries(variables).filter(([name]) => !(name in sharedVariables)))
}

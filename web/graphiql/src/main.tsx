import "graphiql/setup-workers/vite";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./style.css";

import { useGraphiQL } from "@graphiql/react";
import type { Fetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { example } from "./example";
import { current, question, watch } from "./session";
import { Account, SignIn } from "./SignIn";

const WELCOME = `# Ctrl-Enter runs this, Ctrl-Space completes.
# The book on the left explains every type.

`;

/** What an untouched page asks, once the schema is known. */
function Example() {
  const { schema, queryEditor } = useGraphiQL(({ schema, queryEditor }) => ({ schema, queryEditor }));
  useEffect(() => {
    const query = schema && example(schema);
    if (query && queryEditor?.getValue() === WELCOME) queryEditor.setValue(WELCOME + query);
  }, [schema, queryEditor]);
  return null;
}

function Playground() {
  const state = useSyncExternalStore(watch, current);
  const who = state.session?.person.id ?? "guest";
  // Another caller may see another schema, and nothing of what the one before was answered.
  const fetcher = useMemo<Fetcher>(
    () => async (parameters, options) => (await question(parameters, options?.headers)).json(),
    [who],
  );
  return (
    <>
      <GraphiQL key={who} fetcher={fetcher} defaultQuery={WELCOME} shouldPersistHeaders={false} inputValueDeprecation>
        <GraphiQL.Logo>
          <Account {...state} />
        </GraphiQL.Logo>
        <Example />
      </GraphiQL>
      {state.asking && <SignIn {...state} />}
    </>
  );
}

createRoot(document.getElementById("playground")!).render(<Playground />);

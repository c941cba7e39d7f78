import { useEffect, useRef, useState, type FormEvent } from "react";
import { ask, dismiss, signIn, signOut, type State } from "./session";

/** Who one is, and the way in or out. */
export function Account({ session }: State) {
  if (!session)
    return (
      <span className="account">
        Guest <button onClick={() => ask()}>Sign in</button>
      </span>
    );
  const { login, name, roles } = session.person;
  return (
    <span className="account">
      <span title={[login, ...roles].join(", ")}>{name || login}</span> <button onClick={signOut}>Sign out</button>
    </span>
  );
}

/** The form, which lies over the page until somebody has signed in, or would rather stay a guest. */
export function SignIn({ reason }: State) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [refusal, setRefusal] = useState("");
  const [busy, setBusy] = useState(false);

  useEffect(() => dialog.current?.showModal(), []);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const entered = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await signIn(String(entered.get("username")), String(entered.get("password")));
    } catch (error) {
      setRefusal((error as Error).message);
      setBusy(false);
    }
  }

  return (
    <dialog ref={dialog} className="sign-in" aria-labelledby="sign-in" onClose={dismiss}>
      <form onSubmit={submit}>
        <h2 id="sign-in">Sign in</h2>
        {reason && <p>{reason}</p>}
        <label>
          Login
          <input name="username" autoComplete="username" autoCapitalize="none" required autoFocus />
        </label>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" required />
        </label>
        <p role="alert">{refusal}</p>
        <footer>
          <button type="button" onClick={dismiss}>
            Stay a guest
          </button>
          <button className="chosen" disabled={busy}>
            Sign in
          </button>
        </footer>
      </form>
    </dialog>
  );
}

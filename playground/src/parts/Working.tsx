interface WorkingProps {
  readonly what: string;
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
  readonly onStop: () => void;
}

/** A task under way, and how to stop it. */
export function Working({ what, done, total, onStop }: WorkingProps) {
  return (
    <div class="card row" role="status">
      <div class="grow">
        {what} {total > 0 && `${done} of ${total}`}
        {total > 0 ? <progress aria-label={what} value={done} max={total} /> : <progress aria-label={what} />}
      </div>
      <button type="button" onClick={onStop}>
        Stop
      </button>
    </div>
  );
}

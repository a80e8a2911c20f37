/** Does the task soon after it is asked for, and once more if it is asked for meanwhile: never twice at the same time,
 * however often it is asked for, and never missing what the last asking was about. */
export function paced(task: () => Promise<unknown>, pauseMs: number): () => void {
  let asked = false;
  let busy = false;

  const work = async () => {
    busy = true;
    while (asked) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      asked = false;
      await task();
    }
    busy = false;
  };

  return () => {
    asked = true;
    if (!busy) void work();
  };
}

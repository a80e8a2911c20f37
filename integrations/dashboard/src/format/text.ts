/** Without the signs that the database puts before its messages: the page has its own, and not every font has them. */
export const withoutSigns = (text: string) => text.replace(/\p{Extended_Pictographic}\uFE0F?\s*/gu, '');

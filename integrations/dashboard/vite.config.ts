import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// In development the API runs on its own: `API=http://127.0.0.1:8000 npm run dev`.
const api = process.env.API ?? 'http://127.0.0.1:8000';

export default defineConfig({
  plugins: [react()],
  build: { target: 'es2022', manifest: true },
  server: { proxy: { '/api': api, '/demo': api } },
});

using System.ComponentModel;
using System.Runtime.InteropServices;

namespace ChatCqrs.Infrastructure.Blobs;

/// <summary>Makes a folder's entries durable with fsync(2); the base library cannot flush folders.</summary>
internal static class FileSync
{
    private const int ReadOnly = 0;

    /// <exception cref="IOException">The folder cannot be opened or flushed.</exception>
    public static void FlushFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Open(path, ReadOnly);
        if (folder < 0)
            throw new IOException($"{path} cannot be opened.", new Win32Exception(Marshal.GetLastPInvokeError()));
        var synced = Sync(folder);
        var error = Marshal.GetLastPInvokeError();
        _ = Close(folder);
        if (synced != 0)
            throw new IOException($"{path} cannot be made durable.", new Win32Exception(error));
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Sync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}

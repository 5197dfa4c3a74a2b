using System.Runtime.InteropServices;

namespace ChatCqrs.Infrastructure;

/// <summary>Creates a file that only its owner can read, atomically: of several processes the first one wins.</summary>
internal static class FirstFile
{
    private const int Exists = 17; // EEXIST, on Linux and macOS.

    /// <summary>Creates the file unless it exists.</summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
    public static void Create(string path, Action<Stream> write)
    {
        if (File.Exists(path))
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var temporary = $"{path}.{Guid.NewGuid():N}";
        try
        {
            using (var file = new FileStream(temporary, options))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            Move(temporary, path);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>
    /// Moves the file to its path, unless another process has created that path: then the temporary file may stay.
    /// </summary>
    public static void Move(string temporary, string path)
    {
        // link(2) is atomic. File.Move checks, then renames: the second of two processes would replace the first file.
        if (!OperatingSystem.IsWindows() && (Link(temporary, path) == 0 || Marshal.GetLastPInvokeError() == Exists))
            return;
        try
        {
            File.Move(temporary, path, overwrite: false); // For file systems without hard links, and Windows.
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another process was first.
        }
    }

    /// <summary>POSIX link(2), which fails with EEXIST where the new name exists.</summary>
    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Link(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string existing, [MarshalAs(UnmanagedType.LPUTF8Str)] string name);
}

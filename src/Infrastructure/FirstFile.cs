using System.Runtime.InteropServices;

namespace ChatCqrs.Infrastructure;

/// <summary>Makes a file that only its owner can read: whole or not at all, and by whoever is first, however many processes try at once.</summary>
internal static class FirstFile
{
    private const int Exists = 17; // EEXIST, on Linux and macOS.

    /// <summary>Makes the file unless there is one.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
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

            Name(temporary, path);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Gives the file its name, unless another one has it: that is the one then.</summary>
    private static void Name(string temporary, string path)
    {
        // File.Move looks first and renames then: of two that looked at once the second replaces what the first has made.
        if (!OperatingSystem.IsWindows() && (Link(temporary, path) == 0 || Marshal.GetLastPInvokeError() == Exists))
            return;
        try
        {
            File.Move(temporary, path, overwrite: false); // Also where the file system has no hard links.
        }
        catch (IOException) when (File.Exists(path))
        {
            // Another process was first.
        }
    }

    /// <summary>link(2), which POSIX promises to fail where there is such a name.</summary>
    [DllImport("libc", EntryPoint = "link", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Link(
        [MarshalAs(UnmanagedType.LPUTF8Str)] string existing, [MarshalAs(UnmanagedType.LPUTF8Str)] string name);
}
